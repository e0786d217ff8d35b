"""Replays of simulated worlds without any source: change folders land straight in raw tables."""
