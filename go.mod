module zookit

go 1.26
