// Nothing but a home for the precompiled headers.
