"""What exactness stands on: matrices of dyadic numbers, residues modulo primes.

It may import `regions.errors`, never another room: what a network or a domain is, is not known here.
"""
