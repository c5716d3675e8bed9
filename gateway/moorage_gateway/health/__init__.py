"""Whether the gateway and what it needs are well."""
