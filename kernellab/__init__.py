"""Boot a real Linux node in QEMU, with hot-plugged PCI network interfaces and a fake IMDS."""
