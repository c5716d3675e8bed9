"""The recorder: writes what happened in sessions to SQL, exactly once, whatever dies meanwhile."""
