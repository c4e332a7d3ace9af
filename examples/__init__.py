"""
Examples, run from the project's folder.
"""
