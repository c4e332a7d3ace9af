"""
Benchmarks of poslife, as ratios measured in one run: `nox -s bench`. No number is asserted; machines differ.
"""
