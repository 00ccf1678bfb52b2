use std::cell::RefCell;
use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::outbox::State;
use super::{Socket, open, others_first};

/// Both ends of a connection: ours, and the other as the system has it.
async fn pair() -> (Socket, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().unwrap();
    far.set_nonblocking(true).unwrap();
    (Socket::new(near), far)
}

/// Runs on a thread of its own, whose outbox is open or not.
fn on_a_worker<T: Future<Output = ()>>(outbox: bool, test: impl FnOnce() -> T + Send + 'static) {
    let worker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            if outbox {
                spawn_local(open());
                yield_now().await;
            }
            test().await;
        });
    });
    worker.join().unwrap();
}

fn read(far: &mut std::net::TcpStream) -> Vec<u8> {
    let mut octets = vec![0; 1 << 20];
    match far.read(&mut octets) {
        Ok(count) => octets[..count].to_vec(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// What comes within a second, at least so many octets.
async fn wait_for(far: &mut std::net::TcpStream, count: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..1000 {
        all.extend(read(far));
        if all.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    all
}

#[test]
fn small_writes_of_a_turn_leave_at_its_end_and_in_order() {
    on_a_worker(true, || async {
        let (mut near, mut far) = pair().await;
        near.write_all(b"one ").await.unwrap();
        near.write_all(b"two").await.unwrap();
        near.flush().await.unwrap();
        assert_eq!(read(&mut far), b"", "the turn is not over");
        others_first().await;
        assert_eq!(wait_for(&mut far, 7).await, b"one two");
        near.write_all(b"three").await.unwrap();
        assert_eq!(wait_for(&mut far, 5).await, b"three");
    });
}

#[test]
fn what_is_large_leaves_at_once_behind_what_waits() {
    on_a_worker(true, || async {
        let (mut near, mut far) = pair().await;
        near.write_all(b"head").await.unwrap();
        let large = vec![b'x'; 20_000];
        near.write_all(&large).await.unwrap();
        let all = wait_for(&mut far, 20_004).await;
        assert!(all.starts_with(b"head") && all[4..] == large);
    });
}

#[test]
fn without_an_outbox_nothing_waits() {
    on_a_worker(false, || async {
        let (mut near, mut far) = pair().await;
        near.write_all(b"now").await.unwrap();
        let mut octets = [0; 8];
        far.set_nonblocking(false).unwrap();
        assert_eq!(far.read(&mut octets).unwrap(), 3);
    });
}

#[test]
fn what_waits_leaves_before_the_connection_ends() {
    on_a_worker(true, || async {
        let (mut near, mut far) = pair().await;
        near.write_all(b"goodbye").await.unwrap();
        near.shutdown().await.unwrap();
        assert_eq!(read(&mut far), b"goodbye");
    });
}

/// A client that does not read is waited for, as if nothing had been kept back, and gets every octet once.
#[test]
fn what_the_other_end_does_not_take_waits_for_it_and_loses_nothing() {
    on_a_worker(true, || async {
        let (mut near, mut far) = pair().await;
        let written = Rc::new(RefCell::new(Vec::new()));
        let text = Rc::clone(&written);
        let writer = spawn_local(async move {
            for (at, length) in (0_u32..3000).zip([1_usize, 700, 5000, 8192, 9000].into_iter().cycle()) {
                let piece = at.to_le_bytes().repeat(length.div_ceil(4));
                near.write_all(&piece[..length]).await.unwrap();
                near.flush().await.unwrap();
                text.borrow_mut().extend_from_slice(&piece[..length]);
                others_first().await;
            }
            near.shutdown().await.unwrap();
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!writer.is_finished(), "more was taken than a socket holds");
        let mut all = Vec::new();
        while !(writer.is_finished() && all.len() == written.borrow().len()) {
            all.extend(read(&mut far));
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        assert!(all == *written.borrow());
        writer.await.unwrap();
    });
}

#[test]
fn a_write_that_failed_at_the_end_of_a_turn_is_told_at_the_next_chance() {
    on_a_worker(true, || async {
        let (mut near, far) = pair().await;
        // Unread octets in its buffer make the other end answer with a reset.
        near.write_all(b"unread").await.unwrap();
        others_first().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(far);
        tokio::time::sleep(Duration::from_millis(10)).await;
        near.write_all(b"taken all the same").await.unwrap();
        near.flush().await.unwrap();
        others_first().await;
        assert!(near.flush().await.is_err());
        assert!(near.write_all(b"and from then on").await.is_err());
        assert!(near.shutdown().await.is_err());
    });
}

#[test]
fn reading_is_not_held_up() {
    on_a_worker(true, || async {
        let (mut near, far) = pair().await;
        near.write_all(b"question").await.unwrap();
        let asker = spawn_local(async move {
            let mut answer = [0; 6];
            near.read_exact(&mut answer).await.unwrap();
            answer
        });
        let mut far = TcpStream::from_std(far).unwrap();
        let mut question = [0; 8];
        far.read_exact(&mut question).await.unwrap();
        far.write_all(b"answer").await.unwrap();
        assert_eq!((&question, &asker.await.unwrap()), (b"question", b"answer"));
    });
}

/// As in a handshake: whoever has been told that all has left only waits for the answer.
#[test]
fn what_was_stuck_leaves_for_who_only_reads() {
    on_a_worker(true, || async {
        let (mut near, mut far) = pair().await;
        let mut sent = 0;
        // Until the system takes no more, each piece at the end of a turn of its own.
        while near.0.state.get() != State::Stuck {
            near.write_all(&[7; 8000]).await.unwrap();
            near.flush().await.unwrap();
            sent += 8000;
            others_first().await;
        }
        let asker = spawn_local(async move {
            let mut answer = [0; 6];
            near.read_exact(&mut answer).await.unwrap();
            answer
        });
        let mut received = 0;
        for _ in 0..20_000 {
            let count = read(&mut far).len();
            received += count;
            match (received == sent, count) {
                (true, _) => break,
                (false, 0) => tokio::time::sleep(Duration::from_millis(1)).await,
                (false, _) => {}
            }
        }
        far.write_all(b"answer").unwrap();
        assert_eq!((received, &asker.await.unwrap()), (sent, b"answer"));
    });
}

#[test]
fn whoever_stands_back_comes_behind_everything_that_is_ready() {
    on_a_worker(false, || async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = (0..3)
            .map(|name| {
                let order = Rc::clone(&order);
                spawn_local(async move {
                    for part in 0..3 {
                        order.borrow_mut().push((part, name));
                        others_first().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.borrow(), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]);
    });
}
