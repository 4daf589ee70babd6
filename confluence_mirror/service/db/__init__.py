"""The service's database: its tables, and how it is opened and migrated."""
