"""
The use cases: open, close, apply fills, recover.
"""
