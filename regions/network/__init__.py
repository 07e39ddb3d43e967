"""The canonical form: layers, networks and their neurons, in floats, in integers, and with bounds on rounding errors.

It may import `regions.arithmetic`, never a domain, a front end or what is found in a network.
"""
