"""What a text consists of, for those that embed it and those that look for its words."""
