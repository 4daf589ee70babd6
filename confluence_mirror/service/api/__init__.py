"""The routes, a module for each area."""
