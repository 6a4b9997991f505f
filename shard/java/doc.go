// Package java is the corner of Java on which the placement of rows depends: how text becomes a number and a number
// text, how numbers of one class become another, and what a hash code is.
//
// ShardingSphere places a row by calling the methods of the Java object that holds the shard key, so that a gateway which
// is to find the same row must wrap, truncate and print as these methods do. Everything here is bit for bit the
// behaviour of JDK 17; each function names the method that it matches. What an algorithm does with the numbers is left
// to package shard, Groovy's arithmetic to package inline.
//
// Nothing here holds state; all functions and values may be used concurrently. Errors never hold the text that was
// refused.
package java
