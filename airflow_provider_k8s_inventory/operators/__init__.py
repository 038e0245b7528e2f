"""The operators around a sync: migrate, plan, report, publish. The sync itself is a transfer, in `transfers`."""
