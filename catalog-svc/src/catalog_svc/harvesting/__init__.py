"""How other catalogs gather what is public here: sitemaps, OAI-PMH 2.0, signposts. What others may not see is in none."""
