"""Confluence Cloud, read through the Atlassian API gateway."""
