"""Writes pillow.json: what Pillow makes of pictures that a formula draws. Run: python3 tests/golden/pillow_golden.py"""

import hashlib
import json
import math
import os

from PIL import Image, __version__

# [width, height, size]: reduced, enlarged, one axis kept, uneven middles, narrow.
CASES = [
    [300, 200, 64],
    [200, 333, 64],
    [128, 128, 224],
    [64, 97, 64],
    [225, 224, 224],
    [37, 60, 32],
    [1000, 667, 224],
]


def picture(width, height, number):
    """Whole-number noise over waves: the same in every language."""
    state = number + 1
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                state = (state * 1103515245 + 12345) % 2147483648
                stripe = 255 if ((x // (3 + channel) + y // (5 + number)) % 2) else 0
                data.append((stripe * 3 + (state >> 16) % 256) // 4)
    return Image.frombytes("RGB", (width, height), bytes(data))


def clip_square(image, size):
    """torchvision's Resize(size, BICUBIC) and CenterCrop(size) on a PIL image."""
    width, height = image.size
    longer = int(size * max(width, height) / min(width, height))
    shape = (size, longer) if width <= height else (longer, size)
    resized = image.resize(shape, Image.BICUBIC)
    left = int(round((resized.width - size) / 2.0))
    top = int(round((resized.height - size) / 2.0))
    return resized.crop((left, top, left + size, top + size))


def main():
    cases = []
    for number, (width, height, size) in enumerate(CASES):
        image = picture(width, height, number)
        square = clip_square(image, size).tobytes()
        cases.append(
            {
                "width": width,
                "height": height,
                "size": size,
                "input": hashlib.sha256(image.tobytes()).hexdigest(),
                "output": hashlib.sha256(square).hexdigest(),
                "first": list(square[:48]),
            }
        )
    path = os.path.join(os.path.dirname(__file__), "pillow.json")
    with open(path, "w") as file:
        json.dump({"pillow": __version__, "cases": cases}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
