"""Tables of a page: words and ruled lines as PDFium sees them become grids of text.

`reading` takes a page apart, `lines` puts its words in lines, `ruled` and `aligned` find tables, `rows`, `headers` and
`joining` make them whole. Nothing here knows files, Arrow or the handler interface.
"""
