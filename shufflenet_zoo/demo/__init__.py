"""The web page that shows what models make of a picture, in every framework at once."""
