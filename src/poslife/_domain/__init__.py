"""
Trading values and the rules that change them: no I/O, no event loop, no logging, no driver.
"""
