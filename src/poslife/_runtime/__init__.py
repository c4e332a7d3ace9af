"""
Services of the machine: time, ids, processes, forks.
"""
