"""Tickets: what they are about, and the weekly digest. No extraction and no SQL models here."""
