"""EC2 made strict and alive: network interfaces, addresses, attachments, limits, instances and what describes show."""
