"""Adapters to the tools that genomics people already use."""
