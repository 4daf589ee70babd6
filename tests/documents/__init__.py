"""The documents: which of their commands are run, and the site that is made of them."""
