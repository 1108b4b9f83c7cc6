"""Tables, figures and the page: gets data, computes no scores."""
