"""A loss fitted to data: models, programs, histories."""
