"""Users, as admins see and change them."""
