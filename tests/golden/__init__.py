"""What every command and the commonest mistakes print, kept as files and read as prose."""
