//! The loop around the pure parts: observe, apply, report, delete.
