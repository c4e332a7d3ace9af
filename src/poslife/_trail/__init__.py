"""
Events as bytes: encoding, redaction, records and their digests.
"""
