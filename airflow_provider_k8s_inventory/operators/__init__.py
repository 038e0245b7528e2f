"""The operators around a sync: migrate, plan, report. The sync itself is a transfer, in `transfers`."""
