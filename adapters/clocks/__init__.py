"""Who knows the time: the kernel of this host, and servers that speak NTP."""
