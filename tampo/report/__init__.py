"""Drawing and wording: tables, figures, the page. Gets data, and computes no score."""
