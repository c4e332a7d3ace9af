"""
How fast poslife is, as ratios in one run: `nox -s bench`. No number here is asserted; machines differ.
"""
