"""
The suite for a `Repository`, in parts.
"""

from poslife.conformance._repository.suite import RepositoryConformance

__all__ = ["RepositoryConformance"]
