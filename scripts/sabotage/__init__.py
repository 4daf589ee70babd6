"""The program, broken on purpose: does a test notice?"""
