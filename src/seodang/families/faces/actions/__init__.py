"""What the tools do: find, enroll, identify, sort albums, manage galleries."""
