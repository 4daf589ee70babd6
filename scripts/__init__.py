"""Programs for those who build, test and ship the project: nothing here is part of the package."""
