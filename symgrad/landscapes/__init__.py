"""`sg.landscape` and `sg.plot`: losses as contours and surfaces, with the paths that minimisers took over them."""
