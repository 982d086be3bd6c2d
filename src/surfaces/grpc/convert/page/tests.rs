//! Each bad input is refused with the path of its field.
