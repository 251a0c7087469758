"""envtasks: tasks that declare their environment."""
