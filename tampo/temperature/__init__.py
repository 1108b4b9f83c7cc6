"""The method: temperature policies, and TAMPO among them."""
