"""What a node does with its network interfaces, decided from what is observed; nothing here touches the host."""
