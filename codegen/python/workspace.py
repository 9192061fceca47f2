"""The workspace of a function as text: arrays that are made once for each batch size."""

from string import Template

SLOT = '''\
def slot(rooms, number, shape, dtype):
    """An array of `shape` at the start of slot `number`, which is made anew if too small."""
    count, slots = math.prod(shape) * np.dtype(dtype).itemsize, rooms.setdefault("slots", {})
    if number not in slots or slots[number].size < count:
        rooms.clear()  # what lies in the old slot is made anew too, when it is next needed
        rooms["slots"] = slots
        slots[number] = ${np}.empty(count, np.uint8)
    return slots[number][:count].view(dtype).reshape(shape)
'''


def filled(template: str, **parts: str) -> str:
    """A template with its parts put in.

    >>> filled("${a} + 1", a="x")
    'x + 1'
    """
    return Template(template).substitute(parts)
