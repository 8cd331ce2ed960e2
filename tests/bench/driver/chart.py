# SPDX-License-Identifier: GPL-2.0-only
"""Bar charts as SVG."""

from xml.sax.saxutils import escape

ROW, LABEL, BARS, VALUE, TOP = 22, 150, 520, 90, 44
COLOURS = (("klips", "#b5451b"), ("xfrm", "#3b6ea5"), ("wireguard", "#6b8e4e"), ("", "#8a8a8a"))
STYLE = "font-family: sans-serif; font-size: 13px"


def colour(label):
    """Each stack has one."""
    return next(value for prefix, value in COLOURS if label.startswith(prefix))


def bars(title, values, digits=0):
    """A chart with a bar for each (label, value), in the order given."""
    most = max((value for _, value in values), default=0) or 1
    height = TOP + ROW * len(values) + 10
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
             f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + BARS + VALUE}" height="{height}" style="{STYLE}">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="26" font-weight="bold">{escape(title)}</text>']
    for row, (label, value) in enumerate(values):
        top = TOP + ROW * row
        width = max(BARS * value / most, 0)
        lines += [f'<text x="{LABEL - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>',
                  f'<rect x="{LABEL}" y="{top + 2}" width="{width:.1f}" height="{ROW - 5}" fill="{colour(label)}"/>',
                  f'<text x="{LABEL + width + 6:.1f}" y="{top + 14}">{value:,.{digits}f}</text>']
    return "\n".join([*lines, "</svg>", ""])
