"""What people see: progress while it runs, tables and sentences when it is done."""
