"""
Adapters that break one promise each. In each module `LIES` names the test that catches each of them.
"""
