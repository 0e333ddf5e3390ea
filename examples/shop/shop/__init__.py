"""A small shop: baskets, payments, stock, parcels and logins."""
