"""
The lies that adapters tell. In each module a table says which test is there for each lie.
"""
