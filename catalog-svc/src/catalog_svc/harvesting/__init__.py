"""How other catalogs gather what is public here: sitemaps, OAI-PMH 2.0, signposts. They show what anybody may see."""
