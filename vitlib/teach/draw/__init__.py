"""What all still figures share: the palette, the canvas, the map."""
