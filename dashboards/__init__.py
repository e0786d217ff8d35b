"""The State of the Union page: claims, charts and the static site. Reads reporting models only."""
